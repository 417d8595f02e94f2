// Package letters writes the mails about incidents: subject, plain text and
// HTML, in the reader's language and zone. It is pure: the same view and
// options give the same bytes, so that a mail that is tried again is the same
// mail. It is what cards is for Teams.
//
// It sends nothing, and decides neither who gets a mail nor when. Message-ID
// and the other headers are the sender's.
//
// Both parts say the same. A letter is put together once, as a page of words,
// and then written twice; the text part is complete and can be read alone. The
// HTML is a table of inline styles, at most 600 px wide, without images, scripts
// or anything to load: mail programs take those out, or tell the sender by them
// who has opened the mail.
package letters
