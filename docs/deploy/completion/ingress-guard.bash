# bash completion for ingress-guard. Written by `npm run docs` from the command table.
# Source it, or put it where bash-completion looks: /usr/share/bash-completion/completions/ingress-guard

_ingress-guard_words() { # WORD... : those that begin as the word under the cursor
  mapfile -t COMPREPLY < <(compgen -W "$*" -- "$word")
}

_ingress-guard_files() { # ENDING... : folders, and files with one of the endings (any, where none is given)
  local ending
  mapfile -t COMPREPLY < <(
    if [ $# = 0 ]; then compgen -f -- "$word"; else compgen -d -- "$word"; fi
    for ending; do compgen -f -X "!*.$ending" -- "$word"; done
  )
  compopt -o filenames 2>/dev/null
}

_ingress-guard() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command='' operand=0 i
  COMPREPLY=()
  # Readline takes `=` for a word of its own.
  if [ "$word" = = ]; then word=''; fi
  if [ "$before" = = ]; then before=${COMP_WORDS[COMP_CWORD-2]}; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      --policy|--trusted-key|--state-dir|--service|--audit|--sockets|--ingressd|--key|--token-ms) ((i++)); if [ "${COMP_WORDS[i]}" = = ]; then ((i++)); fi ;;
      -*) ;;
      *) if [ -z "$command" ]; then command=${COMP_WORDS[i]}; else ((operand++)); fi ;;
    esac
  done
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [ "${COMP_WORDS[i]}" = -- ]; then
      if [ $i = $((COMP_CWORD - 1)) ]; then mapfile -t COMPREPLY < <(compgen -c -- "$word"); else mapfile -t COMPREPLY < <(compgen -f -- "$word"); fi
      return
    fi
  done
  case $command in
    '')
      case $before in
        --policy) _ingress-guard_files wasm; return ;;
        --trusted-key) _ingress-guard_files pub pem; return ;;
        --state-dir) _ingress-guard_files; return ;;
        --service) :; return ;;
        --audit) _ingress-guard_files; return ;;
        --sockets) _ingress-guard_files; return ;;
        --ingressd) _ingress-guard_files; return ;;
        --key) _ingress-guard_files; return ;;
        --token-ms) :; return ;;
      esac
      case $word in -*) _ingress-guard_words --policy --trusted-key --state-dir --service --audit --isolate --sockets --ingressd --key --token-ms -h --help -V --version; return ;; esac
      _ingress-guard_words status ;;
    status)
      case $word in -*) _ingress-guard_words --json -h --help -V --version; return ;; esac
      ;;
  esac
}
complete -F _ingress-guard ingress-guard
