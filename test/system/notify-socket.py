"""What systemd is to a service: a datagram socket. Prints each message as a line of JSON, with the time it came."""

import json
import socket
import sys
import time

with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
    listener.bind(sys.argv[1])
    print(json.dumps("listening"), flush=True)
    while True:
        # Descriptors that come along are closed with this, for which systemd-notify waits (sd_notify_barrier(3)).
        lines = listener.recv(65536).decode().splitlines()
        if lines == ["BARRIER=1"]:
            continue
        message = dict(line.split("=", 1) for line in lines)
        print(json.dumps({"at": time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000, **message}), flush=True)
