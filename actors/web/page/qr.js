// qr.js - an address as a QR code, drawn as one path.
import { html } from 'lit-html';
import qrcode from 'qrcode-generator';

const MARGIN = 4; // modules that must be white around it

// Bech32 in capitals makes a smaller code, and says the same.
const is_bech32 = (address) => /^(bc|tb|bcrt)1/.test(address);

export function qr(address) {
  const code = qrcode(0, 'M');
  const capitals = is_bech32(address);
  code.addData(capitals ? `BITCOIN:${address.toUpperCase()}` : `bitcoin:${address}`, capitals ? 'Alphanumeric' : 'Byte');
  code.make();
  const size = code.getModuleCount();
  let path = '';
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      path += code.isDark(row, column) ? `M${column + MARGIN} ${row + MARGIN}h1v1h-1z` : '';
    }
  }
  const side = size + 2 * MARGIN;
  return html`<svg class="qr" viewBox="0 0 ${side} ${side}" role="img" aria-label="QR code of ${address}" shape-rendering="crispEdges">
    <rect width=${side} height=${side} fill="#fff" />
    <path d=${path} fill="#000" />
  </svg>`;
}
