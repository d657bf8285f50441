# Runs a server and ends it when its owner is gone.
#
# The owner holds the other end of standard input and the system closes it with the owner, even one that was killed.
# A line `keep` lets the server live on without an owner.
#
# $1 directory to remove at the very end, or nothing
# $2 seconds that each signal gets
# $3 signals that end the server, in order
# $4 shell command that prepares the data, or nothing
# $5 shell command that becomes the server
# $6 FIFO to tell when the server is gone, or nothing
directory=$1 grace=$2

exec 3<&0 </dev/null

# Waits for the owner's end, then ends process $1 by the signals $2.
watch() {
    read -r word <&3
    [ "$word" = keep ] && exit 7
    for signal in $2; do
        kill -s "$signal" "$1" 2>/dev/null
        left=$((grace * 20))
        while [ "$left" -gt 0 ] && kill -s 0 "$1" 2>/dev/null; do
            sleep 0.05
            left=$((left - 1))
        done
    done
}

# Runs the shell command $1, which the signals $2 end; sets `status`, and `verdict` to 7 where nobody owns it any more.
run() {
    sh -c "$1" 3<&- &
    child=$!
    echo "$child" >pid
    (watch "$child" "$2") &
    watcher=$!
    wait "$child"
    status=$?
    # The rest of this process group goes too: the watcher, before the pid that it knows is another's, and what an
    # interrupted preparation has left behind.
    trap '' TERM
    kill -s TERM 0
    trap - TERM
    wait "$watcher" 2>/dev/null
    verdict=$?
}

status=0 verdict=0
[ -z "$4" ] || run "$4" 'TERM KILL'
[ "$status" -ne 0 ] || run "$5" "$3"

if [ -p "$6" ]; then
    echo "$status" >ended
    # Opened for both directions, it waits for nobody.
    echo gone 1<>"$6"
fi

# An owner that lives still wants to read the log of a server that ended by itself: the directory stays until it is gone.
if [ -n "$directory" ] && [ "$verdict" -ne 7 ]; then
    (
        cat <&3 >/dev/null
        # What is still ending may write once more.
        left=100
        until rm -rf -- "$directory" 2>/dev/null || [ "$left" -eq 0 ]; do
            sleep 0.1
            left=$((left - 1))
        done
    ) &
fi
exit "$status"
