package cli

// The checks return an error that names the flag, nil if its value can be used.

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

// CheckURL refuses what is neither empty nor an http or https URL. It does not repeat it:
// a password may be in it.
func CheckURL(flag, value string) error {
	if value == "" {
		return nil
	}
	u, err := url.Parse(value)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return fmt.Errorf("--%s: not an http or https URL", flag)
	}
	return nil
}

// CheckAddr refuses what is not host:port. The host may be missing, and the port may be
// a service's name.
func CheckAddr(flag, value string) error {
	_, port, err := net.SplitHostPort(value)
	if err != nil || port == "" {
		return fmt.Errorf("--%s: %q is not host:port", flag, value)
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return fmt.Errorf("--%s: %q has no port from 0 to 65535", flag, value)
	}
	return nil
}

// CheckFilled refuses an empty value.
func CheckFilled(flag, value string) error {
	if value == "" {
		return fmt.Errorf("--%s: must not be empty", flag)
	}
	return nil
}

// CheckOneOf refuses what is none of the choices.
func CheckOneOf(flag, value string, choices ...string) error {
	if !slices.Contains(choices, value) {
		return fmt.Errorf("--%s: %q is not %s", flag, value, strings.Join(choices, " or "))
	}
	return nil
}

// CheckRange refuses what is below least or above most.
func CheckRange[T int | int64 | time.Duration](flag string, value, least, most T) error {
	if value < least || value > most {
		return fmt.Errorf("--%s: %s is not between %s and %s", flag, text(value), text(least), text(most))
	}
	return nil
}

// text writes what a flag may have.
func text(value any) string {
	if d, ok := value.(time.Duration); ok {
		return DurationText(d)
	}
	return fmt.Sprint(value)
}

// OrNever turns a flag's 0, which means none, into what a Config means by none.
func OrNever[T int64 | time.Duration](value T) T {
	if value == 0 {
		return -1
	}
	return value
}
