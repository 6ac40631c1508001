"""Write small DICOM files with a patient in the header."""

import io
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

PATIENT = {
    "PatientName": "Zzyzx^Quentin",
    "PatientID": "MRN-90210-SECRET",
    "PatientBirthDate": "19331127",
    "PatientAddress": "7 Vanishing Lane",
    "InstitutionName": "Hospital Nowhere",
    "AccessionNumber": "ACC4711X",
    "StudyDescription": "Thorax of Quentin Zzyzx",
    "OtherPatientIDs": "ALIAS-5150",
    "ReferringPhysicianName": "Quackenbush^Hugo",
}


def dicom_dataset(pixels: np.ndarray, bits: int | None = None, **elements: Any) -> Dataset:
    """Create the data set of a grey image.

    `elements` are further elements by keyword; the value None leaves an element out.
    """
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.file_meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    header.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    header.SOPClassUID = ComputedRadiographyImageStorage
    header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID
    header.Modality = "CR"
    for name, value in PATIENT.items():
        setattr(header, name, value)
    allocated = pixels.dtype.itemsize * 8
    header.SamplesPerPixel = 1
    header.PhotometricInterpretation = "MONOCHROME2"
    header.Rows, header.Columns = pixels.shape[-2:]
    header.BitsAllocated = allocated
    header.BitsStored = bits or allocated
    header.HighBit = header.BitsStored - 1
    header.PixelRepresentation = int(np.issubdtype(pixels.dtype, np.signedinteger))
    header.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    header["PixelData"].VR = "OW" if allocated > 8 else "OB"
    for name, value in elements.items():
        if value is None:
            delattr(header, name)
        else:
            setattr(header, name, value)
    return header


def lut(entries: list[int], first: int, bits: int) -> Sequence:
    """Create a LUT sequence with one item."""
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries) % 2**16, first, bits])
    item.add_new("LUTData", "US", entries)
    return Sequence([item])


def dicom_bytes(pixels: np.ndarray, bits: int | None = None, **elements: Any) -> bytes:
    """Return a grey image as the bytes of a DICOM file."""
    buffer = io.BytesIO()
    dicom_dataset(pixels, bits, **elements).save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
