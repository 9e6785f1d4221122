import os,sys
def r(n):
    b=b''
    while len(b)<n:
        c=os.read(0,n-len(b))
        if not c:os._exit(0)
        b+=c
    return b
n={'__name__':'runner'}
b=r(int.from_bytes(r(4),'big'))
if b[:4]==sys.modules['_frozen_importlib_external'].MAGIC_NUMBER:
    import marshal
    c,s=marshal.loads(b[4:])
    exec(c,n)
    n['SHOW']=s
    del s
else:
    c=compile(b,'<runner>','exec')
    exec(c,n)
    n['FRESH']=c
del b,c
f,g=n['main'](sys.argv[1:])
del n,r
s=f()
g(s)
if s and getattr(sys,'last_type',0)is not KeyboardInterrupt:raise SystemExit(1)
