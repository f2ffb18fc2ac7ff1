package product

import "fmt"

// Error is why a body is no report of the product. It is the client's fault; an error of
// reading the body is none of these.
type Error struct {
	// Field is the path of the field that is wrong, as the table has it; "" where the
	// body is no JSON at all.
	Field string
	// Text says what is wrong, for the client: nothing of it is what the client sent.
	Text string
	// Cause, if any, is for the log. It may repeat what was sent.
	Cause error
}

// Error has the cause; [Error.Message] is what the client may see.
func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("product: %s: %v", e.Message(), e.Cause)
	}
	return "product: " + e.Message()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Message is what the client is told: the field and what is wrong with it.
func (e *Error) Message() string {
	if e.Field == "" {
		return "the body " + e.Text
	}
	return fmt.Sprintf("the field %s %s", e.Field, e.Text)
}
