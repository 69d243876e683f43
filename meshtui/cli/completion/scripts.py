"""The scripts: each asks this program for the words, so that none of them ever grows old.

The first line of an answer says what follows: `words`, `nospace` (words after which one goes on
typing) or `files` (the shell's own business).
"""

from __future__ import annotations

BASH = r"""# bash completion for meshtui:  source <(meshtui completion bash)
_meshtui() {
    local line="${COMP_LINE:0:COMP_POINT}" program="${COMP_WORDS[0]/#\~/$HOME}"
    local current="${line##*[[:space:]]}" answer="" word="" before=""
    COMPREPLY=()
    # Of a word that bash takes apart it wants the last part.
    case "$current" in
        *=*) [[ "$COMP_WORDBREAKS" == *=* ]] && before="${current%"${current##*=}"}" ;;
    esac
    {
        IFS= read -r answer
        while IFS= read -r word; do
            COMPREPLY+=("${word#"$before"}")
        done
    } < <(command "$program" __complete bash "$line" 2>/dev/null)
    case "$answer" in
        files)
            word="${current#"$before"}"
            while IFS= read -r line; do
                COMPREPLY+=("$line")
            done < <(compgen -f -- "$word")
            compopt -o filenames 2>/dev/null
            ;;
        nospace) compopt -o nospace 2>/dev/null ;;
    esac
    return 0
}
complete -F _meshtui meshtui
"""

ZSH = r"""#compdef meshtui
# zsh completion for meshtui:  source <(meshtui completion zsh)
_meshtui() {
    local -a answer
    local directive
    answer=("${(@f)$(command ${~words[1]} __complete zsh "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    directive="${answer[1]}"
    answer=("${(@)answer[2,-1]}")
    case "$directive" in
        files) _files ;;
        nospace) compadd -S '' -- "${(@)answer%%:*}" ;;
        words) (( ${#answer} )) && _describe -t words meshtui answer ;;
    esac
}
if [[ "${funcstack[1]}" == _meshtui ]]; then
    _meshtui "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
    compdef _meshtui meshtui
fi
"""

FISH = r"""# fish completion for meshtui:  meshtui completion fish | source
function __meshtui_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -e words[1]
    set -l answer (command meshtui __complete fish $words "$current" 2>/dev/null)
    set -l directive $answer[1]
    set -e answer[1]
    switch "$directive"
        case files
            __fish_complete_path "$current"
        case '*'
            string join \n -- $answer
    end
end
complete -c meshtui -f -a '(__meshtui_complete)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
