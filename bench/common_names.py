"""Names that very many people have, by region: 2,703 full names, given and family name of one region each."""

from __future__ import annotations

from itertools import product

_REGIONS = (
    (
        """
        James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Barbara Richard
        Susan Joseph Jessica
        """,
        """
        Smith Johnson Williams Brown Jones Davis Miller Wilson Moore Taylor Anderson Thomas Jackson
        White Harris Martin
        """,
    ),
    (
        """
        Jose Maria Juan Guadalupe Luis Francisco Carlos Ana Miguel Rosa Jesus Carmen Antonio Manuel
        Pedro Alejandro Laura
        """,
        """
        Garcia Hernandez Martinez Lopez Gonzalez Perez Rodriguez Sanchez Ramirez Cruz Flores Gomez
        Morales Reyes Torres Ruiz Diaz Gutierrez
        """,
    ),
    (
        """
        Peter Michael Thomas Andreas Wolfgang Claus Ursula Monika Petra Sabine Stefan Martin Julia Anna
        Lukas
        """,
        """
        Mueller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Koch Bauer Richter
        Klein Wolf
        """,
    ),
    (
        """
        Jean Marie Pierre Michel Philippe Nathalie Isabelle Nicolas Julien Camille Sophie Christophe
        Laurent
        """,
        "Martin Bernard Dubois Thomas Robert Richard Petit Durand Leroy Moreau Simon Laurent Lefebvre",
    ),
    (
        """
        Mohammed Ahmed Ali Fatima Hassan Hussein Omar Aisha Ibrahim Khalid Mariam Yusuf Mustafa
        Abdullah Layla
        """,
        """
        Khan Ahmed Hassan Ali Hussain Ibrahim Mahmoud Saleh Abdullah Rahman Malik Sheikh Mansour Haddad
        Nasser
        """,
    ),
    (
        "Rahul Priya Amit Sunita Rajesh Anita Sanjay Pooja Vijay Deepa Suresh Kavita Arjun Lakshmi",
        "Sharma Singh Kumar Patel Gupta Reddy Das Nair Rao Joshi Mehta Verma Iyer Shah",
    ),
    (
        "Wei Fang Min Jing Li Hui Ying Jun Lei Yan Tao Ping Hong",
        "Wang Li Zhang Liu Chen Yang Huang Zhao Wu Zhou Xu Sun Ma",
    ),
    (
        "Aleksandr Sergey Dmitry Elena Olga Natalia Andrey Ivan Tatiana Mikhail Irina Vladimir Svetlana",
        """
        Ivanov Smirnov Kuznetsov Popov Petrov Sokolov Volkov Fedorov Morozov Novikov Romanov Orlov
        Pavlov
        """,
    ),
    (
        "Joao Maria Antonio Ana Carlos Francisca Paulo Adriana Pedro Juliana Lucas Marcia",
        "Silva Santos Oliveira Souza Rodrigues Ferreira Alves Pereira Lima Gomes Costa Ribeiro",
    ),
    (
        "Chinedu Ngozi Emeka Amina Tunde Folake Ifeoma Kwame Ama Kofi Wanjiru Otieno Thabo",
        "Okafor Adeyemi Okonkwo Balogun Mensah Owusu Kamau Mwangi Dlamini Nkosi Diallo Traore Adebayo",
    ),
    (
        "Jose Maria Mark Grace Angelo Kristine Rizal Marites Noel Jocelyn Ramon Cristina",
        "Santos Reyes Cruz Bautista Ocampo Garcia Mendoza Torres Aquino Villanueva Ramos Castillo",
    ),
    (
        "Giuseppe Maria Antonio Anna Giovanni Francesca Marco Giulia Luca Paola Stefano Chiara Andrea Elena Roberto",
        "Rossi Russo Ferrari Esposito Bianchi Romano Colombo Ricci Marino Greco Bruno Gallo Conti Costa Mancini",
    ),
    (
        "Jan Anna Piotr Maria Krzysztof Katarzyna Andrzej Agnieszka Tomasz Ewa Pawel Joanna Marek Barbara",
        "Nowak Kowalski Wisniewski Wojcik Kaminski Lewandowski Zielinski Szymanski Wozniak Dabrowski Mazur Krawczyk",
    ),
    (
        "Nguyen Tran Minh Anh Linh Hieu Duc Thanh Huong Mai Lan Phuong",
        "Le Pham Hoang Phan Vu Dang Bui Do Ho Ngo Duong",
    ),
    (
        "Mehmet Fatma Mustafa Ayse Ali Emine Hasan Zeynep Murat Elif Kemal Selin",
        "Yilmaz Kaya Demir Celik Sahin Yildiz Ozturk Aydin Arslan Dogan Kilic Aslan",
    ),
)

COUNT = 2_703


def common_names() -> list[str]:
    """Return `COUNT` different full names, the same ones every time; every region gives as many as it has."""
    names = {
        f"{given} {family}": None
        for givens, families in _REGIONS
        for given, family in product(givens.split(), families.split())
        if given != family
    }
    every = list(names)
    step = len(every) / COUNT
    return [every[int(number * step)] for number in range(COUNT)] if step >= 1 else every
