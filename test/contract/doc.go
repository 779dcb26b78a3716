// Package contract holds the tests that compare the SDK's requests and the
// responses of hacarustest with the service's OpenAPI description. It is a
// module of its own, so that the validator is no requirement of the SDK.
package contract
