/** What all pages have: the head, the style, and the name at the top. */
import { html, type Markup } from './markup.js';

export interface Document {
  readonly title: string;
  /** More of the head. */
  readonly head?: Markup;
  /** Beside the name at the top. */
  readonly aside?: Markup;
  /** Before the main part, and no part of it. */
  readonly above?: Markup | undefined;
  readonly main: Markup;
}

export function documentOf({ above, aside, head, main, title }: Document): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <link rel="icon" href="/icon.svg" />
        <link rel="stylesheet" href="/style.css" />
        ${head}
      </head>
      <body>
        <header>
          <h1>mailbearer</h1>
          ${aside}
        </header>
        ${above}
        <main>${main}</main>
      </body>
    </html> `.text;
}
