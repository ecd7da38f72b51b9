" Settings for policies of ingressd.
if exists('b:did_ftplugin')
  finish
endif
let b:did_ftplugin = 1

setlocal comments=:# commentstring=#\ %s
setlocal expandtab shiftwidth=2 softtabstop=2
" `gq` does not break lines of policies; `ingressc fmt` does.
setlocal formatoptions-=t formatoptions+=croql
let b:undo_ftplugin = 'setlocal comments< commentstring< expandtab< shiftwidth< softtabstop< formatoptions<'

" `:make` checks the file, and the quickfix list has each error with its line.
if executable('ingressc')
  setlocal makeprg=ingressc\ check\ %:S
  setlocal errorformat=%Eerror[ING%n]:\ %m,%Wwarning[ING%n]:\ %m,%Z%*[\ ]-->\ %f:%l:%c,%-G%.%#
  let b:undo_ftplugin .= ' makeprg< errorformat<'
endif
