// Command correlation measures how well imbot tells duplicates and cascades from
// incidents of their own, on made worlds whose truth is known.
//
//	go run ./bench/correlation                        all scenarios; writes the tables of docs/correlation.md
//	go run ./bench/correlation -short                 small worlds, some seconds
//	go run ./bench/correlation -scenario siblings -errors 20
//	                                                  one scenario, and what went wrong in it
//
// A world is a graph of services, failures that spread in it, monitors that
// notice, and the pager's webhooks about that: see generate. Real signed webhooks
// go through the real HTTP handler to the real rules and a real store, at the
// world's own clock; what imbot decided is read back from the store, and nothing
// is told to it but what PagerDuty tells, who calls whom as far as it is
// remembered, and the catalog. Simple rules that other products use are computed
// on the same log and the same graph, and scored by the same measure.
//
// The same seed gives the same worlds, byte by byte. A target that is missed is
// said, and makes the exit status 1.
package main
