" One step for each open `{` and `(`, and one more for the rest of a statement or clause, as `ingressc fmt` writes it.
if exists('b:did_indent')
  finish
endif
let b:did_indent = 1

setlocal indentexpr=GetIngressIndent(v:lnum)
setlocal indentkeys=0},0),!^F,o,O
let b:undo_indent = 'setlocal indentexpr< indentkeys<'

if exists('*GetIngressIndent')
  finish
endif

" The line without its texts and its comment.
function! s:code(lnum) abort
  return substitute(substitute(getline(a:lnum), '"[^"]*"', '""', 'g'), '#.*$', '', '')
endfunction

" The line before that has more than a comment; 0: none.
function! s:before(lnum) abort
  let l:lnum = prevnonblank(a:lnum - 1)
  while l:lnum > 0 && s:code(l:lnum) =~# '^\s*$'
    let l:lnum = prevnonblank(l:lnum - 1)
  endwhile
  return l:lnum
endfunction

" Whether the line is the rest of what an earlier one began.
function! s:continues(lnum) abort
  return s:code(s:before(a:lnum)) =~# '[,=]\s*$'
        \ || s:code(a:lnum) =~# '^\s*\%(named\|on\|sni\|client\|after\|until\|via\|for\|as\|burst\|per\|except\|=>\)\%(\s\|$\)'
endfunction

" The line on which the statement, clause or line of a test begins.
function! s:start(lnum) abort
  let l:lnum = a:lnum
  while l:lnum > 1 && s:continues(l:lnum)
    let l:lnum = s:before(l:lnum)
  endwhile
  return l:lnum
endfunction

" How many brackets the line opens; below 0: closes.
function! s:opened(code) abort
  return len(substitute(a:code, '[^{(]', '', 'g')) - len(substitute(a:code, '[^})]', '', 'g'))
endfunction

" Brackets in texts and comments.
let s:skip = 'synIDattr(synID(line("."), col("."), 1), "name") =~# "^ingress\\%(Text\\|Unclosed\\|Comment\\)$"'

function! GetIngressIndent(lnum) abort
  if s:code(a:lnum) =~# '^\s*[})]'
    call cursor(a:lnum, 1)
    let l:open = searchpair('[{(]', '', '[})]', 'bnW', s:skip)
    return l:open > 0 ? indent(s:start(l:open)) : 0
  endif
  let l:before = s:before(a:lnum)
  if l:before == 0
    return 0
  endif
  let l:code = s:code(l:before)
  if s:opened(substitute(l:code, '^\s*[})]\+', '', '')) > 0
    return indent(s:start(l:before)) + shiftwidth()
  endif
  if !s:continues(a:lnum)
    return indent(s:start(l:before))
  endif
  let l:aligned = l:code =~# ',\s*$' && s:code(s:before(l:before)) =~# '[,=(]\s*$'
  return l:aligned ? indent(l:before) : indent(s:start(l:before)) + shiftwidth()
endfunction
