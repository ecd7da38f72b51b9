# bash completion for ingressc. Written by `npm run docs` from the command table.
# Source it, or put it where bash-completion looks: /usr/share/bash-completion/completions/ingressc

_ingressc_words() { # WORD... : those that begin as the word under the cursor
  mapfile -t COMPREPLY < <(compgen -W "$*" -- "$word")
}

_ingressc_files() { # ENDING... : folders, and files with one of the endings (any, where none is given)
  local ending
  mapfile -t COMPREPLY < <(
    if [ $# = 0 ]; then compgen -f -- "$word"; else compgen -d -- "$word"; fi
    for ending; do compgen -f -X "!*.$ending" -- "$word"; done
  )
  compopt -o filenames 2>/dev/null
}

_ingressc() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command='' operand=0 i
  COMPREPLY=()
  # Readline takes `=` for a word of its own.
  if [ "$word" = = ]; then word=''; fi
  if [ "$before" = = ]; then before=${COMP_WORDS[COMP_CWORD-2]}; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      --profile|--ignore|--at|--nodes|-o|--out|--target|--subject|--filter|--tap|--junit|--lcov|--format|-k|--key|-r|--revision) ((i++)); if [ "${COMP_WORDS[i]}" = = ]; then ((i++)); fi ;;
      -*) ;;
      *) if [ -z "$command" ]; then command=${COMP_WORDS[i]}; else ((operand++)); fi ;;
    esac
  done
  case $command in
    '')
      case $word in -*) _ingressc_words -h --help -V --version; return ;; esac
      _ingressc_words check build test explain diff who inspect fmt export import keygen sign verify ;;
    check)
      case $before in
        --profile) _ingressc_words host os; return ;;
        --ignore) :; return ;;
        --at) :; return ;;
        --nodes) :; return ;;
      esac
      case $word in -*) _ingressc_words --profile --fix --deny-warnings --deny-expired --ignore --at --nodes --json -h --help -V --version; return ;; esac
      case $operand in
        0) _ingressc_files ingress ;;
      esac ;;
    build)
      case $before in
        -o|--out) _ingressc_files; return ;;
        --profile) _ingressc_words host os; return ;;
        --target) _ingressc_words wasm c abi-filter abi-filter-v2; return ;;
        --subject) :; return ;;
      esac
      case $word in -*) _ingressc_words -o --out --profile --target --subject --watch --json -h --help -V --version; return ;; esac
      case $operand in
        0) _ingressc_files ingress ;;
      esac ;;
    test)
      case $before in
        --profile) _ingressc_words host os; return ;;
        --filter) :; return ;;
        --tap) _ingressc_files; return ;;
        --junit) _ingressc_files; return ;;
        --lcov) _ingressc_files; return ;;
      esac
      case $word in -*) _ingressc_words --profile --filter --require-tests --coverage --tap --junit --lcov --json -h --help -V --version; return ;; esac
      case $operand in
        0) _ingressc_files ingress ;;
      esac ;;
    explain)
      case $before in
        --profile) _ingressc_words host os; return ;;
      esac
      case $word in -*) _ingressc_words --profile --json -h --help -V --version; return ;; esac
      case $operand in
        0) _ingressc_files ingress wasm ;;
        1) : ;;
      esac ;;
    diff)
      case $before in
        --format) _ingressc_words text markdown; return ;;
        --nodes) :; return ;;
      esac
      case $word in -*) _ingressc_words --format --equivalent --nodes --json -h --help -V --version; return ;; esac
      case $operand in
        0) _ingressc_files ingress wasm ;;
        1) _ingressc_files ingress wasm ;;
      esac ;;
    who)
      case $before in
        --nodes) :; return ;;
      esac
      case $word in -*) _ingressc_words --nodes --json -h --help -V --version; return ;; esac
      case $operand in
        0) _ingressc_files ingress wasm ;;
        1) : ;;
        *) : ;;
      esac ;;
    inspect)
      case $word in -*) _ingressc_words --json -h --help -V --version; return ;; esac
      case $operand in
        0) _ingressc_files wasm ;;
      esac ;;
    fmt)
      case $word in -*) _ingressc_words --check --json -h --help -V --version; return ;; esac
      case $operand in
        *) _ingressc_files ingress ;;
      esac ;;
    export)
      case $before in
        -o|--out) _ingressc_files; return ;;
      esac
      case $word in -*) _ingressc_words -o --out --json -h --help -V --version; return ;; esac
      case $operand in
        0) _ingressc_files ingress ;;
      esac ;;
    import)
      case $before in
        -o|--out) _ingressc_files; return ;;
      esac
      case $word in -*) _ingressc_words -o --out --json -h --help -V --version; return ;; esac
      case $operand in
        0) _ingressc_files json ;;
      esac ;;
    keygen)
      case $word in -*) _ingressc_words --json -h --help -V --version; return ;; esac
      case $operand in
        0) : ;;
      esac ;;
    sign)
      case $before in
        -k|--key) _ingressc_files key; return ;;
        -r|--revision) :; return ;;
        -o|--out) _ingressc_files; return ;;
      esac
      case $word in -*) _ingressc_words -k --key -r --revision -o --out --json -h --help -V --version; return ;; esac
      case $operand in
        0) _ingressc_files wasm ;;
      esac ;;
    verify)
      case $before in
        -k|--key) _ingressc_files pub; return ;;
      esac
      case $word in -*) _ingressc_words -k --key --json -h --help -V --version; return ;; esac
      case $operand in
        0) _ingressc_files wasm ;;
      esac ;;
  esac
}
complete -F _ingressc ingressc
