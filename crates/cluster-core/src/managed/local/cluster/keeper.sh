# Keeps the servers of a cluster while somebody holds it.
#
# Standard input is a FIFO that each holder has open for writing; the system closes it with the holder, even with one
# that was killed. Standard output is a pipe that nothing is ever written to: the supervisor of each server watches its
# other end, and ends its server with this process.
#
#   hold ID   there is a holder more; `holders/ID` says that it was seen in time
#   keep      live on without a holder; `holders/kept` says so
#   release   no longer
#   end       end, whoever holds it; `holders/ended` says that it was asked for
#   gone      a server has ended; without any, there is nothing to keep
#
# $1 directory to remove at the very end, or nothing
# $2 number of servers
# $3 seconds that they get to end
directory=$1 left=$2 patience=$3

# `true` and not `:`, with which a full disk would end this shell.
while read -r word id; do
    case $word in
    hold)
        case $id in
        '' | *[!0-9a-f-]*) ;;
        *) true >"holders/$id" ;;
        esac
        ;;
    keep)
        exec 4>owner
        true >holders/kept
        ;;
    release)
        rm -f holders/kept
        exec 4>&-
        ;;
    end)
        true >holders/ended
        break
        ;;
    gone)
        left=$((left - 1))
        [ "$left" -gt 0 ] || break
        ;;
    esac
done
if [ -z "$directory" ] || [ -e holders/kept ]; then
    exit
fi

# The servers end now. An owner that lives still wants to read their logs: the directory stays until it is gone.
exec >/dev/null
cat
exec </dev/null
left=$((patience * 20))
for node in n*; do
    while [ -d "$node" ] && [ ! -e "$node/ended" ] && [ "$left" -gt 0 ]; do
        sleep 0.05
        left=$((left - 1))
    done
done
left=100
until rm -rf -- "$directory" 2>/dev/null || [ "$left" -eq 0 ]; do
    sleep 0.1
    left=$((left - 1))
done
