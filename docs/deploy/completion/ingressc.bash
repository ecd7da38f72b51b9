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
      --profile|--ignore|--at|--nodes|--stdin-name|-o|--out|--target|--subject|--epoch|--without|--as-of|--selector|--code-url|--filter|--min-coverage|--tap|--junit|--lcov|--audit|--format|--git|--accept|--output|--round|--min|--only|--source|--from|-k|--key|-r|--revision|-p|--policy|--ca|--token-file) ((i++)); if [ "${COMP_WORDS[i]}" = = ]; then ((i++)); fi ;;
      -*) ;;
      *) if [ -z "$command" ]; then command=${COMP_WORDS[i]}; else ((operand++)); fi ;;
    esac
  done
  case $command in
    '')
      case $word in -*) _ingressc_words -h --help -V --version; return ;; esac
      _ingressc_words check build prove test explain diff graph drift who replay learn list inspect fmt export import init lsp keygen sign verify push pull ;;
    check)
      case $before in
        --profile) _ingressc_words host os; return ;;
        --ignore) :; return ;;
        --at) :; return ;;
        --nodes) :; return ;;
        --stdin-name) :; return ;;
      esac
      case $word in -*) _ingressc_words --profile --fix --deny-warnings --deny-expired --ignore --at --nodes --stdin-name --json -h --help -V --version; return ;; esac
      case $operand in
        0) _ingressc_files ingress ;;
      esac ;;
    build)
      case $before in
        -o|--out) _ingressc_files; return ;;
        --profile) _ingressc_words host os; return ;;
        --target) _ingressc_words wasm c abi-filter nexus-profile nexus-expose nft haproxy envoy envoy-wasm kubernetes; return ;;
        --subject) :; return ;;
        --epoch) :; return ;;
        --without) :; return ;;
        --as-of) :; return ;;
        --selector) :; return ;;
        --code-url) :; return ;;
        --nodes) :; return ;;
      esac
      case $word in -*) _ingressc_words -o --out --profile --target --subject --epoch --without --as-of --whole-host --no-ssh --selector --code-url --nodes --watch --json -h --help -V --version; return ;; esac
      case $operand in
        0) _ingressc_files ingress ;;
      esac ;;
    prove)
      case $before in
        --profile) _ingressc_words host os; return ;;
        --nodes) :; return ;;
      esac
      case $word in -*) _ingressc_words --profile --nodes --json -h --help -V --version; return ;; esac
      case $operand in
        0) _ingressc_files ingress ;;
      esac ;;
    test)
      case $before in
        --profile) _ingressc_words host os; return ;;
        --filter) :; return ;;
        --min-coverage) :; return ;;
        --tap) _ingressc_files; return ;;
        --junit) _ingressc_files; return ;;
        --lcov) _ingressc_files; return ;;
        --stdin-name) :; return ;;
      esac
      case $word in -*) _ingressc_words --profile --filter --require-tests --min-coverage --coverage --tap --junit --lcov --stdin-name --json -h --help -V --version; return ;; esac
      case $operand in
        0) _ingressc_files ingress ;;
      esac ;;
    explain)
      case $before in
        --audit) :; return ;;
        --profile) _ingressc_words host os; return ;;
        --stdin-name) :; return ;;
      esac
      case $word in -*) _ingressc_words --audit --profile --stdin-name --json -h --help -V --version; return ;; esac
      case $operand in
        0) _ingressc_files ingress wasm ;;
        1) : ;;
      esac ;;
    diff)
      case $before in
        --format) _ingressc_words text markdown json sarif; return ;;
        --git) :; return ;;
        --accept) _ingressc_files ingress; return ;;
        --nodes) :; return ;;
        --stdin-name) :; return ;;
      esac
      case $word in -*) _ingressc_words --format --git --accept --equivalent --nodes --stdin-name --json -h --help -V --version; return ;; esac
      case $operand in
        *) _ingressc_files ingress wasm ;;
      esac ;;
    graph)
      case $before in
        -o|--out) _ingressc_files; return ;;
        --format) _ingressc_words svg text json; return ;;
        --git) :; return ;;
        --nodes) :; return ;;
        --stdin-name) :; return ;;
      esac
      case $word in -*) _ingressc_words -o --out --format --git --nodes --stdin-name --json -h --help -V --version; return ;; esac
      case $operand in
        *) _ingressc_files ingress wasm ;;
      esac ;;
    drift)
      case $before in
        --target) _ingressc_words wasm c abi-filter nexus-profile nexus-expose nft haproxy envoy envoy-wasm kubernetes; return ;;
        --without) :; return ;;
        --as-of) :; return ;;
        --selector) :; return ;;
        --code-url) :; return ;;
        --nodes) :; return ;;
      esac
      case $word in -*) _ingressc_words --target --without --as-of --whole-host --no-ssh --selector --code-url --nodes --json -h --help -V --version; return ;; esac
      case $operand in
        0) _ingressc_files ingress ;;
        1) : ;;
      esac ;;
    who)
      case $before in
        --nodes) :; return ;;
        --stdin-name) :; return ;;
      esac
      case $word in -*) _ingressc_words --nodes --stdin-name --json -h --help -V --version; return ;; esac
      case $operand in
        0) _ingressc_files ingress wasm ;;
        1) : ;;
        *) : ;;
      esac ;;
    replay)
      case $before in
        --stdin-name) :; return ;;
      esac
      case $word in -*) _ingressc_words --strict --stdin-name --json -h --help -V --version; return ;; esac
      case $operand in
        0) : ;;
        *) : ;;
      esac ;;
    learn)
      case $before in
        -o|--output) _ingressc_files ingress; return ;;
        --round) :; return ;;
        --min) :; return ;;
      esac
      case $word in -*) _ingressc_words -o --output --round --min --json -h --help -V --version; return ;; esac
      case $operand in
        *) : ;;
      esac ;;
    list)
      case $before in
        -o|--output) _ingressc_files ingress; return ;;
        --only) :; return ;;
        --format) _ingressc_words aws gcp azure github fastly spamhaus geofeed text; return ;;
        --source) :; return ;;
        --stdin-name) :; return ;;
      esac
      case $word in -*) _ingressc_words -o --output --only --format --source --stdin-name --json -h --help -V --version; return ;; esac
      case $operand in
        0) _ingressc_files ingress ;;
      esac ;;
    inspect)
      case $word in -*) _ingressc_words --json -h --help -V --version; return ;; esac
      case $operand in
        0) _ingressc_files wasm ;;
      esac ;;
    fmt)
      case $before in
        --stdin-name) :; return ;;
      esac
      case $word in -*) _ingressc_words --check --stdin-name --json -h --help -V --version; return ;; esac
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
        --from) _ingressc_words nft nginx haproxy aws terraform kubernetes tailscale; return ;;
      esac
      case $word in -*) _ingressc_words -o --out --from --json -h --help -V --version; return ;; esac
      case $operand in
        0) _ingressc_files json ;;
      esac ;;
    init)
      case $before in
        -o|--out) _ingressc_files; return ;;
      esac
      case $word in -*) _ingressc_words -o --out --json -h --help -V --version; return ;; esac
      ;;
    lsp)
      case $word in -*) _ingressc_words --stdio --json -h --help -V --version; return ;; esac
      ;;
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
    push)
      case $before in
        -p|--policy) _ingressc_files ingress; return ;;
        --ca) :; return ;;
        --token-file) _ingressc_files ingress; return ;;
      esac
      case $word in -*) _ingressc_words -p --policy --ca --token-file --json -h --help -V --version; return ;; esac
      case $operand in
        0) _ingressc_files wasm ;;
        1) : ;;
      esac ;;
    pull)
      case $before in
        -o|--out) _ingressc_files ingress; return ;;
        -k|--key) _ingressc_files pub; return ;;
        --ca) :; return ;;
        --token-file) _ingressc_files ingress; return ;;
      esac
      case $word in -*) _ingressc_words -o --out -k --key --ca --token-file --json -h --help -V --version; return ;; esac
      case $operand in
        0) : ;;
      esac ;;
  esac
}
complete -F _ingressc ingressc
