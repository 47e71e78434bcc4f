/** The sign of the page in the browser's list: an envelope. */
export const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect x="1" y="3" width="14" height="10" rx="1.5" fill="#1a7f4b"/>' +
  '<path d="M2 4.5 8 9l6-4.5" fill="none" stroke="#fff" stroke-width="1.3"/></svg>\n';
