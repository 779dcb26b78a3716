package hacarus

// unmarshal implements UnmarshalJSON for every type that has a decoder: what
// was saved from a response, or written by json.Marshal, is read as the client
// reads it. As encoding/json demands, null leaves the value unchanged.
// Everything else replaces all of it, and an error leaves it unchanged.
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
