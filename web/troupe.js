// troupe.js - what a page, and the modules that troupe-idl js writes, see of this folder.
export { E, TroupeError } from './errors.js';
export { Facade, Peer, SUBPROTOCOL } from './peer.js';
export {
  array, blob, bool, bytes, enumeration, event, failure, field, fixed, int, method, ref, struct, text, uint,
} from './shapes.js';
