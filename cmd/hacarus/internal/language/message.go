package language

import (
	"errors"
	"fmt"
)

// MessageError is an error that can be told in any language of the program. As an error
// it speaks English.
type MessageError struct {
	english string
	args    []any
	cause   error
}

// Errorf makes a message. An error among the values is its cause.
func Errorf(english string, args ...any) error {
	m := &MessageError{english: english, args: args}
	for _, arg := range args {
		if err, ok := arg.(error); ok {
			m.cause = err
		}
	}
	return m
}

// Error returns the message in English.
func (m *MessageError) Error() string { return fmt.Sprintf(m.english, m.args...) }

// Unwrap returns the cause.
func (m *MessageError) Unwrap() error { return m.cause }

// MessageOf returns the text and the values of an error that is a message, and
// nothing beside it.
func MessageOf(err error) (english string, args []any, ok bool) {
	m, ok := errors.AsType[*MessageError](err)
	if !ok || m.Error() != err.Error() {
		return "", nil, false
	}
	return m.english, m.args, true
}
