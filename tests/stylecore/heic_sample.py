"""A HEIC file of the tests' scene, 64 x 48, since nothing that is installed with restyle writes one."""

from __future__ import annotations

import base64

_LINES = (
    "0000SW^{RQXk}?*00000ZE0pPXk}?*ZE0a<0005LZDn*}000000000XXk=`10000000000aA{+700000000000000000000G-+&a",
    "V*mgE07O6l0ssL300001;s5~v00000005i-0ssI200Mph0RR9100000DgXcgIB98aW&i*H00062000$fZf0cy000000RRAKc4ILB",
    "0000LX>Mj^0ssI300IC2MR;ju000004sdC7Z2$lO00031008}IaB^?}007--aAR)(004Gqc4I>U18@KU0FVFx0000U@BsY%`1k+-",
    "4+CHT0RR|40Sp2E{{wIU00RJ!0009300RIXx&lC90096hLID8-Z~y=U0FVFx0{{R603M(qfd!W8<fgf}2xu@M00096AOHXZ03l)k",
    "0RRR>0l{;?i2wiq6Ju{|a&BX6cmM$a4FCp!0000KX>)L8000000000$0000$0000eV{Bn?0000$000010000m000010000000002",
    "|NsB+000020000GaA|mH000000|*ER0000OX>e^}0000000001009Mo0s{qv0000QX>w&|000000000EV`Ot<00IC3009610M2b>",
    "VRQfh0GKENuL<BjC@DXy2my?+>x)mWj?<F{I$ybGDZ~zy@%k|FoB8bV8U5|4MP&qaqgLC3@Tq6|7ABw+c+M$CP|jTd-+I%x5A;KU",
    "B8lyZe)765kh{08{n%}27_zUE6jEDtj`QEQ4YjxtytYxS9-nY;s!mbE1E1~|i9uGyn6uHyA$|3OR_w)V-6plE++->w>H|I|G6Mhr",
    "00u>PX=VTbO-%qQ000080099H00IC200sa602%-Q002#4Yh`i(",
)


def heic() -> bytes:
    return base64.b85decode("".join(_LINES))
