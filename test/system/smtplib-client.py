"""Hands messages to a port of 127.0.0.1 by Python's smtplib, all in one session, as a script would that sends many.

The job is a JSON file: {"port": …, "messages": [{"from": …, "to": […], "message": base64, "options": […]}, …]}. What
smtplib says of each message goes to standard output as a JSON array.
"""
import base64
import json
import smtplib
import sys


def submit(session, message):
    try:
        refused = session.sendmail(
            message["from"], message["to"], base64.b64decode(message["message"]), message["options"]
        )
        return {"refused": {recipient: told(*reply) for recipient, reply in refused.items()}}
    except smtplib.SMTPRecipientsRefused as error:
        return {"refused": {recipient: told(*reply) for recipient, reply in error.recipients.items()}}
    except smtplib.SMTPResponseException as error:
        return {"failed": told(error.smtp_code, error.smtp_error)}


def told(code, text):
    return f"{code} {text.decode()}"


with open(sys.argv[1], encoding="utf-8") as file:
    job = json.load(file)
with smtplib.SMTP("127.0.0.1", job["port"], "client.test", timeout=30) as session:
    json.dump([submit(session, message) for message in job["messages"]], sys.stdout)
