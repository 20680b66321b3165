# troupe.bash - completion of the command troupe in bash: what may stand where, `troupe complete` says.
#
# bash takes = and : for ends of words, in --attach=unix:PATH and network=main, too: so the words are read from the line, and of what
# is offered only the part from the last such mark on is given back.
_troupe()
{
    local line=${COMP_LINE:0:COMP_POINT} last=${COMP_WORDS[COMP_CWORD]} word words
    read -ra words <<<"$line"
    [[ $line != *[[:space:]] ]] || words+=('')
    [[ $last != [=:] ]] || last=
    local before=${words[-1]%"$last"}
    COMPREPLY=()
    while IFS= read -r word; do
        COMPREPLY+=("${word#"$before"}")
    done < <("${words[0]}" complete "${words[@]:1}" 2>/dev/null)
    [[ ${#COMPREPLY[@]} != 1 || ${COMPREPLY[0]} != *[=./] ]] || compopt -o nospace 2>/dev/null
}
complete -o default -F _troupe troupe
