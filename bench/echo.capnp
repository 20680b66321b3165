# What bench/peer_capnp.c++ serves: the same number and text as Troupe's probe echoes.
@0xb3f1c1c2a5d4e6f8;

interface Echo {
  echo @0 (number :UInt64, text :Text) -> (number :UInt64, text :Text);
}
