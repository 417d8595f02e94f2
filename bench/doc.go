// Command bench measures imbot on this machine: how many webhooks a second are
// stored, what a duplicate costs, how long a button takes, how fast it starts,
// and that overload loses nothing.
//
//	go run ./bench                                   the whole, about 4 minutes; the first time it
//	                                                 makes the large store, which takes 2 to 7 more
//	go run ./bench -rounds 1 -seconds 1 -stored 1000,5000
//	                                                 a first impression, less than a minute
//	go run ./bench -only ingest -conns 256 -cpuprofile cpu.out
//	go run ./bench -seed 1000000 -db big.db          only fills a store
//
// The server runs in this process, over real loopback HTTP, with the handlers
// and the store that imbot itself uses. The load comes from a child process, so
// that neither its memory nor its garbage collection is the server's. Both share
// the machine's cores, so the figures are floors, and every figure is a ratio
// between cells that were measured within seconds of each other: the cells of a
// round take turns, and what is reported is the median over the rounds with its
// spread. Absolute numbers say little on a machine that others use as well.
//
// Beside each figure stands how many cores others have used meanwhile: what waits
// for the disk loses its core to them, and is disturbed far more than what does
// not. With -wait 20s each measurement waits for a quiet moment. CPU time per
// request is disturbed least.
//
// What is compared with what is said above each table. A target that is missed
// is said as well, and makes the exit status 1.
package main
