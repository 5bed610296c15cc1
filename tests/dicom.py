"""Creates DICOM photographs with pydicom; all personal data in them contain `MARK`."""

import io
from typing import Any

from PIL import Image
from pydicom import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEGBaseline8Bit, generate_uid

from tests.pictures import encoded, lesion

DERMOSCOPIC = "1.2.840.10008.5.1.4.1.1.77.1.7"
PHOTOGRAPHIC = "1.2.840.10008.5.1.4.1.1.77.1.4"

# In every field of the patient and the study, and in a private field.
MARK = "MARKEDPATIENT"


def photograph(
    picture: Image.Image | None = None,
    *,
    syntax: str = ExplicitVRLittleEndian,
    photometric: str = "RGB",
    planar: int = 0,
    frames: int = 1,
    sop_class: str = DERMOSCOPIC,
    jpeg: bytes | None = None,
    **fields: Any,
) -> bytes:
    """A file with the picture in each of its frames; ``jpeg``: already compressed."""
    picture = lesion() if picture is None else picture
    file = Dataset()
    file.SOPClassUID, file.SOPInstanceUID = sop_class, generate_uid()
    file.PatientName, file.PatientID, file.PatientBirthDate = f"{MARK}^Anna", MARK, "19700101"
    file.InstitutionName = file.StudyDescription = file.ImageComments = MARK
    file.Modality = "DMS"
    file.private_block(0x0011, MARK, create=True).add_new(1, "LO", MARK)
    file.SamplesPerPixel = 1 if photometric == "MONOCHROME2" else 3
    file.PhotometricInterpretation = photometric
    if file.SamplesPerPixel == 3:
        file.PlanarConfiguration = planar
    if frames > 1:
        file.NumberOfFrames = frames
    file.Rows, file.Columns = picture.height, picture.width
    file.BitsAllocated, file.BitsStored, file.HighBit = 8, 8, 7
    file.PixelRepresentation = 0
    if syntax == JPEGBaseline8Bit:
        file.PixelData = encapsulate([jpeg or encoded(picture, quality=95)] * frames)
        file["PixelData"].VR = "OB"
    else:
        modes = {"MONOCHROME2": "L", "YBR_FULL": "YCbCr"}
        samples = picture.convert(modes.get(photometric, "RGB"))
        planes = b"".join(band.tobytes() for band in samples.split())
        data = (planes if planar else samples.tobytes()) * frames
        file.PixelData = data + b"\0" * (len(data) % 2)
        file["PixelData"].VR = "OW"
    for name, value in fields.items():
        setattr(file, name, value)
    file.file_meta = FileMetaDataset()
    file.file_meta.MediaStorageSOPClassUID = UID(sop_class)
    file.file_meta.MediaStorageSOPInstanceUID = file.SOPInstanceUID
    file.file_meta.TransferSyntaxUID = UID(syntax)
    buffer = io.BytesIO()
    dcmwrite(buffer, file, enforce_file_format=True)
    return buffer.getvalue()
