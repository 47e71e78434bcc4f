/** How the page looks: light and dark as the reader's system says, one column on a phone. */
export const style = `
:root { color-scheme: light dark; --ink: #1c2024; --dim: #60646c; --line: #d9dce1; --paper: #fff; --ground: #f4f5f7;
  --good: #1a7f4b; --warn: #9a5b00; --bad: #c02626; --life: #b9dfc9; --spent: #e3e6ea; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --dim: #a0a6ae; --line: #33383f; --paper: #1b1e22;
  --ground: #121417; --good: #56c98a; --warn: #e8b04b; --bad: #ff7b72; --life: #23583c; --spent: #2b3037; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; background: var(--ground); color: var(--ink);
  font: 16px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.3rem; margin: 0; }
h2 { font-size: 1.05rem; margin: 1.6rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
header, .head { display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: baseline; justify-content: space-between; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; margin: 0 0 .75rem; }
.dim { color: var(--dim); font-size: .875rem; margin: .25rem 0 0; }
.state { font-weight: 600; }
.good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); }
.problem { margin: .5rem 0 0; padding-left: .6rem; border-left: 3px solid var(--bad); overflow-wrap: anywhere; }
code, .reply { font: .875rem/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
form { margin: .6rem 0 0; }
button { font: inherit; font-size: .875rem; padding: .3rem .8rem; border: 1px solid var(--line); border-radius: .375rem;
  background: var(--ground); color: var(--ink); cursor: pointer; }
button:hover { border-color: var(--dim); }
.problem + form button { background: var(--ink); border-color: var(--ink); color: var(--paper); }
a { color: inherit; }
.range { margin-bottom: .5rem; }
.filter, .pages { margin: .6rem 0; display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; font-size: .875rem; }
.filter label { display: flex; flex-wrap: wrap; gap: .25rem .5rem; align-items: center; color: var(--dim); }
.filter :is(select, input) { font: inherit; max-width: 100%; padding: .25rem .5rem; border: 1px solid var(--line);
  border-radius: .375rem; background: var(--paper); color: var(--ink); }
.table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-top: 1px solid var(--line); }
th { border-top: 0; color: var(--dim); font-weight: 600; }
svg { display: block; width: 100%; }
.life { height: 1.5rem; margin-top: .5rem; }
.life .all { fill: var(--spent); } .life .left { fill: var(--life); }
.life .now { stroke: var(--ink); stroke-width: 2; vector-effect: non-scaling-stroke; }
.life .due { stroke: var(--dim); stroke-width: 1; stroke-dasharray: 3 3; vector-effect: non-scaling-stroke; }
.life .refreshed { stroke: var(--good); } .life .failed { stroke: var(--bad); }
.life .refreshed, .life .failed { stroke-width: 3; vector-effect: non-scaling-stroke; }
.chart { height: 8rem; } .chart .sent { fill: var(--good); } .chart .failed { fill: var(--bad); }
.chart .base { stroke: var(--line); vector-effect: non-scaling-stroke; }
ol.messages { list-style: none; margin: 0; padding: 0; }
ol.messages li { padding: .5rem 0; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
ol.messages li:first-child { border-top: 0; }
[data-live="lost"]::after { content: " (no longer live)"; color: var(--bad); }
`;
