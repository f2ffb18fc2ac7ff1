package product

import (
	"slices"
	"strings"
)

// Words turns a text of a report into the value of a label: one of few, so that no
// report can invent labels. "" leaves the label out.
type Words func(text string) string

// What stands for a text that is none of those that are expected, and for an empty one.
const (
	Other   = "other"
	Unknown = "unknown"
)

// OneOf takes words as they are; an empty one is [Unknown], and any else [Other].
func OneOf(words ...string) Words {
	return func(text string) string {
		switch {
		case text == "" || text == Unknown:
			return Unknown
		case slices.Contains(words, text):
			return text
		}
		return Other
	}
}

// Spelt takes words in any case, and returns what they stand for.
func Spelt(spellings map[string]string) Words {
	return func(text string) string {
		if text == "" {
			return Unknown
		}
		if word, ok := spellings[strings.ToLower(text)]; ok {
			return word
		}
		return Other
	}
}

// Always returns the word, whatever the text is.
func Always(word string) Words {
	return func(string) string { return word }
}

// Version returns the first n numbers of a version, such as "1.31" of "v1.31.4+k3s1" for
// 2. A text with fewer is [Other], unless it is one of the words.
func Version(n int, words ...string) Words {
	named := OneOf(words...)
	return func(text string) string {
		if v, ok := leadingNumbers(text, n); ok {
			return v
		}
		return named(text)
	}
}

// maxVersionDigits bounds each number of a version: a year and a month are six.
const maxVersionDigits = 6

// leadingNumbers reads n numbers with dots between, behind a "v" or not, whatever follows.
// It is not ok where there are fewer, or a number has too many digits.
func leadingNumbers(text string, n int) (version string, ok bool) {
	text = strings.TrimPrefix(text, "v")
	end := 0
	for i := range n {
		if i > 0 {
			if end == len(text) || text[end] != '.' {
				return "", false
			}
			end++
		}
		digits := len(text[end:]) - len(strings.TrimLeft(text[end:], "0123456789"))
		if digits == 0 || digits > maxVersionDigits {
			return "", false
		}
		end += digits
	}
	return text[:end], true
}
