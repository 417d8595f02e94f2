package main
import ("fmt";"os";"strconv";"time";"runtime/pprof")
func main(){
 if os.Args[1]=="-child" { if err:=makeLoad(os.Stdin,os.Stdout);err!=nil{fmt.Fprintln(os.Stderr,err);os.Exit(1)};return}
 f,_:=os.Create("/tmp/ib/cpu.out"); pprof.StartCPUProfile(f); defer pprof.StopCPUProfile()
 n,_:=strconv.Atoi(os.Args[1]); t:=time.Now()
 fmt.Println(seed(os.Args[2],n,os.Stdout), time.Since(t))
 fi,_:=os.Stat(os.Args[2]); fmt.Println(fi.Size())
}
