module example.com/consumer

go 1.26.0

require github.com/hacarus/hacarus-check-go v0.0.0

require (
	github.com/google/go-querystring v1.2.0 // indirect
	github.com/hashicorp/go-cleanhttp v0.5.2 // indirect
	github.com/hashicorp/go-retryablehttp v0.7.8 // indirect
	golang.org/x/image v0.47.0 // indirect
	golang.org/x/oauth2 v0.37.0 // indirect
	gonum.org/v1/gonum v0.17.0 // indirect
)

replace github.com/hacarus/hacarus-check-go => ../..
