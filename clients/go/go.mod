module ingressd

go 1.19
