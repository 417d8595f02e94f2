package incident

// OverdueData is the data of a KindOverdue effect, which belongs to no incident
// and whose target is a person's id. What is overdue no more when it runs is left
// out.
type OverdueData struct {
	Date      string `json:"date"`           // 2006-01-02 where the person is; the reminder is of no use later
	Incidents []ID   `json:"incidents"`      // whose RCA was overdue
	Mail      bool   `json:"mail,omitempty"` // by mail, else in the 1:1 chat
}
