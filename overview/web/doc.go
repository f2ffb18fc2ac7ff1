// Package web makes the pages that people look at: HTML of the structs of package
// published, and the style sheet, the module and the icon that go with it.
//
// A [Renderer] is made once ([New]) and makes pages from then on: [Renderer.Render] the page
// of figures (renderer.go), [Renderer.RenderEmbed] its tiles alone for frames of other sites,
// [Renderer.RenderDocument] a page of prose, and [Renderer.RenderMessage] what is shown
// where there is nothing else to show. [Renderer.Assets] are the files that these ask for
// (assets.go).
//
// What a page says is decided in Go, by functions from structs to structs (view.go and the
// files named after the sections): the templates only write it down. All is pure: no I/O, no
// clock. Every name of a report comes through html/template, which writes it as text; what
// is template.HTML is made by package chart, or by whoever renders a document.
//
// No page has a style or a script in itself, nor an attribute that is one, nor anything from
// elsewhere, so that its policy may forbid them all.
package web
