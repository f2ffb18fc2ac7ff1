package chart

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// narrowest is for how many pixels texts are laid out: a screen of 320, as a page of
	// 1280 is when made four times as large, less the margins of the page.
	narrowest = 280
	// maxText is how many runes of a text are kept at all.
	maxText = 256

	isolate, isolated = "\u2068", "\u2069" // first strong isolate, and its end
)

// clean takes from a text what could break out of its place: what XML does not allow, control
// characters, and marks that turn the direction of what follows or can't be seen. A sign in
// their place tells that there was something. Marks that right-to-left texts and joined
// letters need stay.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch r {
		case '\t', '\n', '\r', '\u2028', '\u2029':
			return ' '
		case '\u200c', '\u200d', '\u200e', '\u200f', '\u061c':
			return r
		}
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs) || r&0xfffe == 0xfffe {
			return utf8.RuneError
		}
		return r
	}, s)
	return cut(s, maxText)
}

// cut keeps the first n runes of a text.
func cut(s string, n int) string {
	runes := 0
	for i := range s {
		if runes++; runes > n {
			return s[:i] + "…"
		}
	}
	return s
}

// apart keeps the direction of a text from its surroundings, and theirs from it.
func apart(s string) string {
	for _, r := range s {
		if r > unicode.MaxLatin1 {
			return isolate + s + isolated
		}
	}
	return s // of Latin letters alone, as most are
}

// fit shortens a text to the given width in ems.
func fit(s string, ems float64) string {
	if widthOf(s) <= ems {
		return s
	}
	left := ems - widthOfRune('…')
	for i, r := range s {
		if left -= widthOfRune(r); left < 0 {
			return strings.TrimRight(s[:i], " ") + "…"
		}
	}
	return s
}

// wrap breaks a text at spaces into lines of the given width in ems, at most so many. What is
// too long for its line is shortened.
func wrap(s string, ems float64, most int) (lines []string) {
	for _, word := range strings.Fields(s) {
		last := len(lines) - 1
		if last >= 0 && (len(lines) == most || widthOf(lines[last]+" "+word) <= ems) {
			lines[last] += " " + word
			continue
		}
		lines = append(lines, word)
	}
	for i := range lines {
		lines[i] = fit(lines[i], ems)
	}
	return lines
}

// widthOf estimates how wide a text is, in ems: rather too wide than too narrow for any usual
// sans-serif.
func widthOf(s string) (ems float64) {
	for _, r := range s {
		ems += widthOfRune(r)
	}
	return ems
}

func widthOfRune(r rune) float64 {
	switch {
	case strings.ContainsRune(isolate+isolated, r):
		return 0
	case strings.ContainsRune("iljt.,:;|!'()[] fIr-", r):
		return 0.42
	case strings.ContainsRune("mwMW%@…", r), r == utf8.RuneError:
		return 1
	case r < 0x80 && unicode.IsUpper(r):
		return 0.74
	case r < 0x1100:
		return 0.64
	}
	return 1.1 // letters of East Asia, emoji, and whatever else is wide
}
