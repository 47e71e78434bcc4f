/**
 * The page that the browser shows after a sign-in, and the headers it is sent with. It loads nothing, runs
 * nothing, and escapes everything that did not come from this file.
 */

export type LoginPage =
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly message: string; readonly hint: string | undefined }
  /** A request that is no answer to our question; the sign-in goes on. */
  | { readonly kind: 'ignored'; readonly message: string };

export const pageHeaders: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox",
  // The address of this page holds the code.
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  connection: 'close',
};

export function renderLoginPage(page: LoginPage): string {
  if (page.kind === 'done') return html('Signed in', ['mailbearer has its tokens. You can close this page.']);
  if (page.kind === 'ignored')
    return html('Nothing happened', [page.message, 'The sign-in is still waiting.']);
  return html('The sign-in failed', [page.message, page.hint ?? '', 'The terminal says the same.']);
}

function html(title: string, paragraphs: readonly string[]): string {
  const body = paragraphs.filter(Boolean).map((paragraph) => `<p>${escapeHtml(paragraph)}</p>`);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="color-scheme" content="light dark">
<title>mailbearer: ${escapeHtml(title)}</title>
<h1>${escapeHtml(title)}</h1>
${body.join('\n')}
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
