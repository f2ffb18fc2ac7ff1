package product

import "fmt"

// Error is why a body is no report of the product. It is the client's fault; an error of
// reading the body is none of these. Nothing in it is what the client sent, so it may be
// answered and logged.
type Error struct {
	// Field is the path of the field that is wrong, as the table has it; "" where it is
	// the body as a whole.
	Field string
	// Text says what is wrong.
	Text string
}

func (e *Error) Error() string { return "product: " + e.Message() }

// Message is what the client is told: the field and what is wrong with it.
func (e *Error) Message() string {
	if e.Field == "" {
		return "the body " + e.Text
	}
	return fmt.Sprintf("the field %s %s", e.Field, e.Text)
}
