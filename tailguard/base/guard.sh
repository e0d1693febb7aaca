# The guard of one child and one folder. Its standard input is a pipe whose only write end is its owner's.
# Words on it, paths written for `printf %b`: `folder PATH TOKEN` and `socket PATH` and `pid N` adopt, `done` lets go.
# End of file without `done`: the owner is dead.
trap '' HUP INT TERM
child= folder= token= value= signals=$1 patience=$2
shift 2
# The dot keeps a line break at the end, which $() would cut off.
decode() { value=$(printf '%b.' "$1"); value=${value%.}; }
while read -r word path mark; do
  decode "$path"
  case $word in
    pid) child=$path ;;
    folder) folder=$value; decode "$mark"; token=$value ;;
    socket) set -- "$@" "$value" ;;
    done) exit 0 ;;
  esac
done
# A zombie counts as gone: if process 1 does not reap, `kill -0` would see it for ever.
alive() {
  kill -0 "$child" 2>/dev/null || return 1
  [ -r "/proc/$child/stat" ] && read -r line <"/proc/$child/stat" || return 0
  case $line in *") Z "*) return 1 ;; esac
}
# Its own children: a server that is killed outright cannot end them, and stopped ones never notice.
children() {
  for stat in /proc/[0-9]*/stat; do
    { read -r line <"$stat"; } 2>/dev/null || continue
    rest=${line##*) }; rest=${rest#* }
    [ "${rest%% *}" = "$child" ] && printf '%s ' "${line%% *}"
  done
}
for signal in $signals; do
  [ -n "$child" ] && alive || break
  theirs=$(children)
  kill -s "$signal" "$child"
  if [ "$signal" = KILL ]; then kill -s KILL $theirs; else kill -s CONT "$child" $theirs; fi
  tries=$patience
  while alive && [ "$tries" -gt 0 ]; do sleep 0.05; tries=$((tries - 1)); done
done
for socket do
  [ -S "$socket" ] && [ ! -L "$socket" ] && [ -O "$socket" ] && rm -f -- "$socket"
done
# A folder is removed only if the file that its owner put there still says what it said; else only if it is empty.
[ -n "$folder" ] && [ -d "$folder" ] && [ ! -L "$folder" ] || exit 0
said=$(cat -- "$folder/.tailguard"; printf .)
[ "${said%.}" = "$token" ] || { rmdir -- "$folder"; exit 0; }
# A killed PostgreSQL leaves a segment of System V; its key and its id are in the seventh line of its file.
if [ -f "$folder/d/data/postmaster.pid" ] && [ -r /proc/sysvipc/shm ]; then
  read -r key id <<END
$(sed -n 7p "$folder/d/data/postmaster.pid")
END
  while read -r k i perms size creator last attached rest; do
    [ "$k $i $attached" = "$key $id 0" ] && ipcrm -m "$id"
  done </proc/sysvipc/shm
fi
# Repeated, as workers of a dying server may still write. The marker last: it says that the rest is ours.
tries=20
until rm -rf -- "$folder/d" && rm -rf -- "$folder" || [ "$tries" -le 0 ]; do sleep 0.1; tries=$((tries - 1)); done
