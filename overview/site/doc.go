// Package site answers for everything that the world may look at beside the overview itself:
// the page, and the data of which it is made.
//
// A [Publication] is all that is published of one month (publication.go). The page, each JSON
// and each CSV are made of the same one for as long as it lives, so they agree. Its parts are
// counted when they are first asked for, once for all who ask (part.go), and [Site] keeps the
// publications that were asked for last (site.go). What takes long is counted before anybody
// asks for it (ahead.go); a page that comes earlier says so.
//
// page_handler.go sends the page of figures, its tiles for frames of other sites, and the files
// that they ask for; page.go reads which page is asked for, and says what to do where there is
// none.
//
// [Documents] are the pages of prose, on privacy and on how it is counted (documents.go).
//
// api_handler.go reads what is asked of the data and refuses what can't be; csv.go, dataset.go
// and badge.go are the forms beside JSON. Few forms are made at a time (desk.go). What can't be counted is an error of its part, never a zero.
package site
