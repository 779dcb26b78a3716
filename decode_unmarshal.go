package hacarus

// unmarshal is the UnmarshalJSON of every type that has a decoder: what was
// saved of a response, or written by json.Marshal, is read as the client reads
// it. As encoding/json asks for, null leaves the value as it is. Everything else
// replaces all of it, and an error leaves it as it was.
func unmarshal[T any](document []byte, v *T, decode decoder[T]) error {
	switch {
	case v == nil:
		return argumentError("UnmarshalJSON", "nil %T", v)
	case string(document) == "null":
		return nil
	}
	was := *v
	*v = *new(T)
	err := decodeBody(document, func(d *decoding) error { return decode(d, v) })
	if err != nil {
		*v = was
	}
	return err
}
