/**
 * What makes the page live, where there is JavaScript: each event is the whole of what the page shows, as the server
 * writes it for the same query, so that both look the same. A button that is pressed stays until it is released, and one that has the focus
 * gets it again.
 */
export const script = `'use strict';
const main = document.querySelector('main');
const live = document.querySelector('[data-live]');
const events = new EventSource('/events' + location.search);
events.onmessage = ({ data }) => {
  live.dataset.live = 'on';
  if (main.matches(':active')) return;
  const { id } = document.activeElement;
  main.innerHTML = data;
  if (id !== '') document.getElementById(id)?.focus();
};
events.onerror = () => { live.dataset.live = 'lost'; };
`;
