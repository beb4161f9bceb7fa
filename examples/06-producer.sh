#!/bin/sh
# Has the prices of 10,000 symbols polled once a minute, by whatever runs 06-price-poller.ts on the same server:
#
#     sh examples/06-producer.sh                           # by the nats command line, or else by a socket of bash
#     sh examples/06-producer.sh --print | head -n 3       # what it publishes
#     ANSWERS=1 sh examples/06-producer.sh                 # makes requests, and waits until a worker has accepted each
#     NATS=10.0.0.5:4222 SYMBOLS=500 SECONDS_BETWEEN=10 sh examples/06-producer.sh
#
# One message is one task: PUB ostinato.<queue>.assign, with { "id", "payload", "at", "every" } as JSON; "at" spreads the
# first fetches over the minute. To publish an id again updates its task, so that this script may be run any number of
# times. Needs no Node, and no worker that is up: once a worker has been started for the first time, the server keeps what
# is published until one is there.
#
# The server drops what is published while the stream that keeps it has no leader, and says nothing. A list like this one,
# published every hour, can live with that. Whoever cannot makes requests: with ANSWERS=1 each message has a reply subject, and
# counts once a worker has answered. What has no answer is sent again by running the script again: a copy changes nothing.
# Exit codes: 0 when the server, or with ANSWERS=1 the queue, has everything, 1 when not.
set -eu
LC_ALL=C # So that a length is a number of bytes.
export LC_ALL

NATS=${NATS:-127.0.0.1:4222}
SYMBOLS=${SYMBOLS:-10000}
SECONDS_BETWEEN=${SECONDS_BETWEEN:-60}
ANSWERS=${ANSWERS:-}
subject=ostinato.prices.assign

# A task a line.
tasks() {
  awk -v symbols="$SYMBOLS" -v every="$SECONDS_BETWEEN" -v now="$(date +%s)" 'BEGIN {
    for (n = 1; n <= symbols; n++) {
      symbol = sprintf("SYM%05d", n)
      at = sprintf("%.0f", 1000 * (now + n * every / symbols))
      printf "{\"id\":\"price:%s\",\"payload\":{\"symbol\":\"%s\"},\"at\":%s,\"every\":\"%ss\"}\n", symbol, symbol, at, every
    }
  }'
}

# Lines of text as the words of a NATS client. The first is sent as a request, with ANSWERS all are, so that the server says
# ("503") if nobody keeps what is published. Its PONG at the end says that it has read everything.
words() {
  awk -v subject="$subject" -v answers="$ANSWERS" 'BEGIN {
    printf "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true,\"lang\":\"sh\",\"version\":\"1\"}\r\n"
    printf "SUB _INBOX.producer.%s 1\r\n", '"$$"'
  }
  {
    printf "PUB %s %s%d\r\n%s\r\n", subject, NR == 1 || answers != "" ? "_INBOX.producer.'"$$"' " : "", length($0), $0
  }
  END { printf "PING\r\n" }'
}

fail() {
  echo "06-producer.sh: $1" >&2
  exit 1
}

# Everything over one connection of bash, which has sockets and nothing else to install. Prints what is wrong, if anything.
by_socket() {
  words | bash -c '
    exec 3<>"/dev/tcp/${1%:*}/${1##*:}" || exit 1
    exec 4<&0 # What runs in the background would have nothing to read.
    cat <&4 >&3 &
    trap "kill $! 2>/dev/null" EXIT
    left=${2:-0}
    while IFS= read -r -t 30 line <&3; do
      case $line in
        PONG*) [ "$left" -gt 0 ] || exit 0 ;;
        PING*) echo PONG >&3 ;;
        {\"ok\":true*) left=$((left - 1)); [ "$left" -ne 0 ] || exit 0 ;;
        {\"ok\":false*) [ -z "$2" ] || { echo "the queue refuses a task: ${line%?}" >&2; exit 1; } ;;
        -ERR*) echo "the server says: ${line%?}" >&2; exit 1 ;;
        NATS/1.0\ 503*) echo "nobody keeps what is published: start a worker first" >&2; exit 1 ;;
      esac
    done
    [ "$left" -eq 0 ] || echo "$left tasks have no answer: run it again" >&2
    echo "the server closed the connection, or said nothing for 30 seconds" >&2
    exit 1
  ' bash "$NATS" "${ANSWERS:+$SYMBOLS}"
}

if [ "${1:-}" = --print ]; then
  tasks
elif [ -z "$ANSWERS" ] && nats pub --help 2>&1 | grep -q -e --send-on; then
  tasks | nats --server "nats://$NATS" pub "$subject" --force-stdin --send-on newline --quiet
elif command -v bash >/dev/null; then
  tasks | by_socket || fail "not everything was published to nats://$NATS"
else
  fail "needs the nats command line (github.com/nats-io/natscli), or bash"
fi
how=${ANSWERS:+, and all accepted}
[ "${1:-}" = --print ] || echo "$SYMBOLS tasks published to $subject at nats://$NATS$how" >&2
