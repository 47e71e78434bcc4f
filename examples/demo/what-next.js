// @ts-check
/** The last page of the demo: what to type for an account of one's own. The README goes on from there. */

export const whatNext = `Put mailbearer on the PATH:
  sudo npm install --global .
Make a directory for the tokens, of the user that serve will run as:
  sudo install -d -o postfix -g postfix -m 0700 /etc/tokens
Sign in to Gmail, as a desktop app that you make at console.cloud.google.com:
  sudo mailbearer get-token gmail /etc/tokens/you@gmail.com --client-id ID
or to Outlook, as an app that you register at entra.microsoft.com:
  sudo mailbearer get-token outlook /etc/tokens/you@outlook.com \\
      --client-id ID --use-device-flow
Keep the tokens fresh, and relay mail from 127.0.0.1:2525:
  sudo -u postfix mailbearer serve
Let Postfix send through it, with three lines in /etc/postfix/main.cf:
  relayhost = [127.0.0.1]:2525
  smtp_sasl_auth_enable = no
  smtp_tls_policy_maps = inline:{[127.0.0.1]:2525=none}

README.md goes on from here. npm run demo -- --keep leaves the demo running
for you to try; MAILBEARER_DEMO_DIRECTORY=/tmp/demo leaves its files there.`;
