/**
 * What makes the page live, where there is JavaScript: each event is the whole of what the page shows, as the server
 * writes it, so that both look the same.
 */
export const script = `'use strict';
const main = document.querySelector('main');
const live = document.querySelector('[data-live]');
const events = new EventSource('/events');
events.onmessage = ({ data }) => { main.innerHTML = data; live.dataset.live = 'on'; };
events.onerror = () => { live.dataset.live = 'lost'; };
`;
