" Reads the job in $JOB, a JSON list of files with places, and writes to $ANSWER the syntax group of each place, the file
" type, the text after every line was indented anew, and what `:make` has found.
"   vim -Nu NONE -i NONE -n -es -S vim_groups.vim
set encoding=utf-8 nomore
let &runtimepath = $PLUGIN . ',' . &runtimepath
filetype plugin indent on
syntax on

let s:answers = []
for s:job in json_decode(join(readfile($JOB), ''))
  execute 'edit!' fnameescape(s:job.file)
  let s:groups = []
  for [s:line, s:column] in s:job.places
    call add(s:groups, synIDattr(synID(s:line, s:column, 1), 'name'))
  endfor
  let s:linked = uniq(sort(map(copy(s:groups), 'synIDattr(synIDtrans(hlID(v:val)), "name")')))
  let s:answer = {'filetype': &filetype, 'groups': s:groups, 'linked': s:linked, 'commentstring': &commentstring}
  if s:job.indent
    silent normal! gg=G
    let s:answer.indented = getline(1, '$')
  endif
  if s:job.make
    silent make!
    let s:answer.errors = map(getqflist(), '[v:val.type, v:val.nr, fnamemodify(bufname(v:val.bufnr), ":t"), v:val.lnum, v:val.col, v:val.text]')
  endif
  call add(s:answers, s:answer)
endfor
call writefile([json_encode(s:answers)], $ANSWER)
qall!
