// Package chart draws figures as SVG, in two forms: [Bars] ranks rows, [Line] follows one or
// two series over months. Both are small structs, and their SVG depends on nothing else: the
// same struct is always the same bytes.
//
// bars.go and line.go draw; words.go says in words what is drawn. scale.go has the axis,
// number.go how numbers are written, text.go how much room a text takes and what is left of a
// hostile one, svg.go writes elements so that nothing gets in unescaped.
//
// # Width
//
// A chart is as wide as its place. Across, all is in percent, and down, in pixels: a text has
// the size that the stylesheet gives it at any width, and is laid out for narrowest pixels.
// So there is one drawing for phones, wide screens and paper.
//
// # Colours
//
// There is no style attribute and no colour: all is drawn in currentColor, with presentation
// attributes that any rule of a stylesheet overrides. Without a stylesheet a chart is whole,
// in one colour. No meaning hangs on colour alone: series also differ by marker and width,
// what is unfinished is dashed and hollow, and each bar has its figure as a text.
//
// The classes are
//
//	chart               the svg; with it chart-bars or chart-line
//	chart-unfinished    with chart: the month is not over; also the dashed piece of a line
//	chart-axis          what the axis counts: unit and denominator
//	chart-tick          a number or a month along an axis
//	chart-grid          the lines of the grid; chart-base is the one at zero
//	chart-row           a bar with its texts; chart-other is the one of what was folded
//	chart-bar           the bar itself
//	chart-label         what a bar is of
//	chart-value         its figure, or that of a series; chart-share is it in percent
//	chart-note          what is said rather than drawn: no data, rows that are not shown
//	chart-series-1, -2  all that is drawn of a series
//	chart-path          its line
//	chart-marker        the mark of a month: a circle, or a square for the second series
//	chart-month         a month with its marks
//	chart-hit           the invisible place of a month, to point at
//	chart-gap           months of which nothing is known
//
// # Data
//
// Each chart-row and each chart-month is a g element with data-label (a row's whole label, or
// "March 2026") and data-text (all that is known of it as a sentence). A row has data-value,
// and so has each chart-marker: the number as it is, missing where it is not known. A title
// element has the same sentence, for those who point at it without a script. No element can
// be focused: a script may give tabindex to these g elements.
package chart
