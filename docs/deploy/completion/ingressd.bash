# bash completion for ingressd. Written by `npm run docs` from the command table.
# Source it, or put it where bash-completion looks: /usr/share/bash-completion/completions/ingressd

_ingressd_words() { # WORD... : those that begin as the word under the cursor
  mapfile -t COMPREPLY < <(compgen -W "$*" -- "$word")
}

_ingressd_files() { # ENDING... : folders, and files with one of the endings (any, where none is given)
  local ending
  mapfile -t COMPREPLY < <(
    if [ $# = 0 ]; then compgen -f -- "$word"; else compgen -d -- "$word"; fi
    for ending; do compgen -f -X "!*.$ending" -- "$word"; done
  )
  compopt -o filenames 2>/dev/null
}

_ingressd() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command='' operand=0 i
  COMPREPLY=()
  # Readline takes `=` for a word of its own.
  if [ "$word" = = ]; then word=''; fi
  if [ "$before" = = ]; then before=${COMP_WORDS[COMP_CWORD-2]}; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      --config|--set|--policy|--control|--for|--why|--from|--via|--to|--sni|--service|--port|--proto|--backend|--mode|--expose|--proxy|--bind|--socket) ((i++)); if [ "${COMP_WORDS[i]}" = = ]; then ((i++)); fi ;;
      -*) ;;
      *) if [ -z "$command" ]; then command=${COMP_WORDS[i]}; else ((operand++)); fi ;;
    esac
  done
  case $command in
    '')
      case $before in
        --policy) _ingressd_files wasm; return ;;
        --config) _ingressd_files toml; return ;;
        --set) :; return ;;
        --control) _ingressd_files; return ;;
      esac
      case $word in -*) _ingressd_words --policy --config --set --control --takeover --ignore-foreign-fds -h --help -V --version; return ;; esac
      _ingressd_words check-config status reload reopen block unblock blocks explain expose ;;
    check-config)
      case $before in
        --config) _ingressd_files toml; return ;;
        --set) :; return ;;
        --policy) _ingressd_files wasm; return ;;
        --control) _ingressd_files; return ;;
      esac
      case $word in -*) _ingressd_words --json --config --set --policy --control -h --help -V --version; return ;; esac
      ;;
    status)
      case $before in
        --config) _ingressd_files toml; return ;;
        --control) _ingressd_files; return ;;
      esac
      case $word in -*) _ingressd_words --json --config --control --watch -h --help -V --version; return ;; esac
      ;;
    reload)
      case $before in
        --config) _ingressd_files toml; return ;;
        --control) _ingressd_files; return ;;
      esac
      case $word in -*) _ingressd_words --json --config --control -h --help -V --version; return ;; esac
      ;;
    reopen)
      case $before in
        --config) _ingressd_files toml; return ;;
        --control) _ingressd_files; return ;;
      esac
      case $word in -*) _ingressd_words --json --config --control -h --help -V --version; return ;; esac
      ;;
    block)
      case $before in
        --config) _ingressd_files toml; return ;;
        --control) _ingressd_files; return ;;
        --for) :; return ;;
        --why) :; return ;;
      esac
      case $word in -*) _ingressd_words --json --config --control --for --why --force -h --help -V --version; return ;; esac
      case $operand in
        0) : ;;
      esac ;;
    unblock)
      case $before in
        --config) _ingressd_files toml; return ;;
        --control) _ingressd_files; return ;;
      esac
      case $word in -*) _ingressd_words --json --config --control -h --help -V --version; return ;; esac
      case $operand in
        0) : ;;
      esac ;;
    blocks)
      case $before in
        --config) _ingressd_files toml; return ;;
        --control) _ingressd_files; return ;;
      esac
      case $word in -*) _ingressd_words --json --config --control -h --help -V --version; return ;; esac
      ;;
    explain)
      case $before in
        --config) _ingressd_files toml; return ;;
        --control) _ingressd_files; return ;;
        --from) :; return ;;
        --via) :; return ;;
        --to) :; return ;;
        --sni) :; return ;;
      esac
      case $word in -*) _ingressd_words --json --config --control --from --via --to --sni -h --help -V --version; return ;; esac
      ;;
    expose)
      case $before in
        --service) :; return ;;
        --port) :; return ;;
        --proto) _ingressd_words tcp udp; return ;;
        --backend) :; return ;;
        --mode) _ingressd_words tcp passthrough tls mtls; return ;;
        --expose) :; return ;;
        --proxy) _ingressd_words v1 v2; return ;;
        --bind) :; return ;;
        --socket) _ingressd_files; return ;;
      esac
      case $word in -*) _ingressd_words --service --port --proto --backend --mode --expose --proxy --bind --socket -h --help -V --version; return ;; esac
      ;;
  esac
}
complete -F _ingressd ingressd
