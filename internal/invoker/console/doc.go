// Package console serves pages for people: what runs, what ran, why it failed, its output,
// and a form to start a job.
//
// Each page is a function from a request to a [page], and a template of the same name. A page
// works without JavaScript. Three things make it comfortable:
//
//   - A page that shows what changes is live: the same URL, asked for as server-sent events,
//     sends the content again whenever it has changed (live.go). The module in the browser
//     merges it into the page.
//   - Templates write times as text. The module turns them into relative ones.
//   - Links and buttons name a key with data-key.
//
// The console decides nothing. It asks the same interfaces as package api, so a caller sees
// and does here what it may see and do there. What it may not do is not shown; that it may
// not do it is checked behind the interface.
//
// Every change is a POST of a form with a token. The content security policy allows scripts
// and styles of this server alone, and none inline: what an invocation prints, or a caller
// sends, is only ever text.
package console
