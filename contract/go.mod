module github.com/hacarus/hacarus-check-go/contract

go 1.26.0

require github.com/hacarus/hacarus-check-go v0.0.0

replace github.com/hacarus/hacarus-check-go => ../
