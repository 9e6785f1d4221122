import os,sys
def r(n):
    b=b''
    while len(b)<n:
        c=os.read(0,n-len(b))
        if not c:os._exit(0)
        b+=c
    return b
n={'__name__':'runner'}
exec(compile(r(int.from_bytes(r(4),'big')),'<runner>','exec'),n)
f,g=n['main'](sys.argv[1:])
del n,r
s=f()
g(s)
if s and getattr(sys,'last_type',0)is not KeyboardInterrupt:raise SystemExit(1)
