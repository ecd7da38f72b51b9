" Policies of ingressd, edition 1. A keyword is one only where the language expects it, so the words behind some keywords are
" names whatever they are.
if exists('b:current_syntax')
  finish
endif
let s:cpo = &cpo
set cpo&vim

syntax case match
" A keyword is a whole word of the language: `web-net` and `net.web` have none.
syntax iskeyword @,48-57,_,-,$,*,.,:,%,/,[,]
" Strings and comments end with their line.
syntax sync minlines=1

syntax match ingressLiteral /[A-Za-z0-9_$*.:%\/[\]-]\+/
syntax match ingressName /\<[A-Za-z_][A-Za-z0-9_-]*\%(\.[A-Za-z_][A-Za-z0-9_-]*\)*\>/
syntax match ingressAddress /\<\d\+\%(\.\d\+\)\{3}\%([/:]\d\+\)\?\>/
syntax match ingressAddress /\<\x*:\x*:[0-9A-Fa-f:.]*\%(%[A-Za-z0-9_.-]\+\)\?\%(\/\d\+\)\?\>/
syntax match ingressAddress /\<\[[0-9A-Fa-f:.]\+\]\%(:\d\+\)\?\>/
syntax match ingressTime /\<\d\{4}-\d\d-\d\d[Tt][0-9:.]\+\%([Zz]\|[+-][0-9:]*\)\?/
syntax match ingressNumber /\<\%(\d\+\|\d\+-\d\+\|\/\d\+\|\d\+\/\d*\a\+\|\d\+\%(ms\|s\|m\|h\|d\)\)\>/
syntax match ingressParam /\$[A-Za-z_][A-Za-z0-9_-]*\>/
syntax match ingressOperator /=>\|=/
syntax match ingressArrow /=>/ nextgroup=ingressVerdict skipwhite
syntax match ingressDelimiter /[{}(),]/

syntax keyword ingressStatement edition import budget invariant test
syntax keyword ingressStatement net ports hosts ids nextgroup=ingressSet skipwhite skipempty
syntax keyword ingressStatement expose dial template use nextgroup=ingressDeclared skipwhite
syntax keyword ingressClause allow deny dryrun backend cert ca alpn cap limit amplify
syntax keyword ingressKeyword on from sni client after until
syntax keyword ingressKeyword bind repeat never only always rules prefixes connections module steps
syntax keyword ingressKeyword except file max min uri dns ip sha256 for tcp udp unix remote per
syntax keyword ingressKeyword source listener identity burst proxy via KiB at in closing local
syntax keyword ingressKeyword named by nextgroup=ingressLabel skipwhite
syntax keyword ingressKeyword service nextgroup=ingressDeclared skipwhite
syntax keyword ingressKeyword as nextgroup=ingressMode,ingressDeclared skipwhite
syntax keyword ingressKeyword to nextgroup=ingressProto,ingressTarget skipwhite
syntax keyword ingressNet any any4 any6 private loopback linklocal internet

" What follows a keyword.
syntax keyword ingressProto contained tcp udp
syntax keyword ingressMode contained tcp passthrough tls mtls direct
syntax keyword ingressVerdict contained allow
syntax keyword ingressVerdict contained deny nextgroup=ingressReason skipwhite
syntax keyword ingressReason contained policy cidr sni rate mtls
syntax match ingressSet contained /[A-Za-z_$][A-Za-z0-9_-]*\ze\_s*=/
syntax match ingressDeclared contained /[A-Za-z_$][A-Za-z0-9_.-]*/
syntax match ingressLabel contained /[A-Za-z_$][A-Za-z0-9_-]*/
syntax match ingressTarget contained /[A-Za-z_$][A-Za-z0-9_-]*/

syntax match ingressAnnotation /@\s*[A-Za-z_][A-Za-z0-9_-]*/
syntax match ingressAnnotation /@\s*lint\s\+off\s\+[A-Za-z0-9_-]\+/
syntax match ingressText /"[^"]*"/ contains=@Spell
syntax match ingressUnclosed /"[^"]*$/
syntax match ingressComment /#.*$/ contains=@Spell

highlight default link ingressStatement Statement
highlight default link ingressClause Statement
highlight default link ingressVerdict Statement
highlight default link ingressKeyword Keyword
highlight default link ingressProto Keyword
highlight default link ingressNet Constant
highlight default link ingressMode Constant
highlight default link ingressReason Constant
highlight default link ingressAddress Constant
highlight default link ingressTime Constant
highlight default link ingressLiteral Constant
highlight default link ingressNumber Number
highlight default link ingressParam Identifier
highlight default link ingressSet Type
highlight default link ingressDeclared Function
highlight default link ingressLabel Label
highlight default link ingressTarget Identifier
highlight default link ingressAnnotation PreProc
highlight default link ingressText String
highlight default link ingressUnclosed Error
highlight default link ingressComment Comment
highlight default link ingressOperator Operator
highlight default link ingressArrow Operator
highlight default link ingressDelimiter Delimiter

let b:current_syntax = 'ingress'
let &cpo = s:cpo
unlet s:cpo
