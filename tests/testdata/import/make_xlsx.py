"""Makes faq.xlsx with openpyxl, a library that shares nothing with the reader. Run it here after a change."""

import datetime

from openpyxl import Workbook

book = Workbook()
sheet = book.active
sheet.title = "FAQ"
for row in [
    ["Category", "Question", "Answer", "Keywords"],
    ["Returns", "How do I send it back?\nCan I return a sale item?", "Print the label & drop it at any shop.", "return label, sale item"],
    ["Returns", "How long does a refund take?", 5, None],
    [None, None, None, None],
    ["Shop", "Where are you?", "Mill Lane 4.", None],
]:
    sheet.append(row)
sheet["B8"] = "Is there parking?"
sheet["C8"] = "=CONCATENATE(\"Yes, \",\"behind the shop.\")"
notes = book.create_sheet("Notes")
notes["A1"] = "Changed"
notes["A2"] = datetime.date(2026, 11, 22)
book.create_sheet("Empty")
book.save("faq.xlsx")
