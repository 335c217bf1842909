-- modules: hash base64 uuid crypto
local hash, base64, uuid, crypto = require("hash"), require("base64"), require("uuid"), require("crypto")
return { main = function()
  for _, name in ipairs{ "md5", "sha1", "sha256", "sha512", "fnv32", "fnv64" } do
    print(name, hash[name]("abc"))
  end
  for _, name in ipairs{ "hmac_md5", "hmac_sha1", "hmac_sha256", "hmac_sha512" } do
    print(name, hash[name]("what do ya want for nothing?", "Jefe"))
  end
  print(#hash.sha256("abc", true), select(2, hash.sha256(5)):kind())
  print(base64.encode("a\0b\255"), base64.decode("YQBi/w==") == "a\0b\255", select(2, base64.decode("*")):kind())
  -- The names of RFC 9562; what is random comes from a command, so it is the same here.
  local dns = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
  print(uuid.v3(dns, "www.example.com"), uuid.v5(dns, "www.example.com"))
  print(uuid.version(uuid.v4()), uuid.version(uuid.v7()), uuid.variant(uuid.v4()), uuid.validate("no"))
  print(crypto.hmac.sha256("Jefe", "what do ya want for nothing?"))
  print(#crypto.random.bytes(16), crypto.constant_time_compare("a", "a"), crypto.constant_time_compare("a", "b"))
  local token = crypto.jwt.encode({ sub = "ada", exp = 4000000000 }, "secret")
  print(token)
  print(crypto.jwt.verify(token, "secret").sub, crypto.jwt.verify(token, "other"))
  return true
end }
