// Package decoders compares ways to decode a page of items: its benchmarks are
// what the choice of the SDK's decoder rests on.
package decoders
