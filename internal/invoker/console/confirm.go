package console

// confirmation is the page that asks before something is done that cannot be taken back. Its one
// button sends a form.
type confirmation struct {
	Title string
	// Text is what will happen, in paragraphs.
	Text []string
	// Action is the path that gets the form, with Fields.
	Action string
	Fields []formField
	// Button is the text of the button. Danger makes it red.
	Button string
	Danger bool
	// Back is the page to return to without doing it.
	Back string
}

// formField is a hidden field of a form.
type formField struct{ Name, Value string }

// confirm returns the page of a confirmation. nav is its entry in the navigation.
func confirm(nav string, c confirmation) page {
	return page{Template: "confirm", Title: c.Title, Nav: nav, Data: c}
}
