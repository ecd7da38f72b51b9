autocmd BufNewFile,BufRead *.ingress setfiletype ingress
